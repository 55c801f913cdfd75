"""Rectified flow: path, schedule, solver, guidance. Time runs from t = 1 (noise) to t = 0 (data) everywhere."""
