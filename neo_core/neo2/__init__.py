"""NEO 2: one reference picture and speech in, full-body video of any length out."""
