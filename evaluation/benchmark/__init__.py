"""The figures of design.md that are times, rates and sizes: loopback only, bounded in count and time."""
