"""The table behind the shipped option files: networks, methods, protocols, and how a combination is written down."""
