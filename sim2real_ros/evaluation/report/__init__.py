"""The report: one HTML file with pictures, plots and tables."""
