"""Benchmarks: every promise in `docs/bars.toml`, measured."""
