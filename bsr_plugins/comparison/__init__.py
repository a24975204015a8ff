"""Methods compared on one's own data: a grid of runs, trained, tested and judged (`basicsr compare`)."""
