"""Figures and reports: what a difficulty file, the draws of RFS, or two trained runs look like."""
