"""The pages in a real Chromium, on the running program, with simulated phones."""
