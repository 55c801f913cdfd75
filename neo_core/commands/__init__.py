"""The command line, one file per subcommand: `python -m neo_core NAME`."""
