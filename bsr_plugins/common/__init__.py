"""What every room may use: errors, findings, names, files, keyed random numbers, BasicSR's builders."""
