"""How a model runs (kernel, precision, residency), never what it computes."""
