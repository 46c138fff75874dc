"""Speed and memory beside a floor measured in the same run: `make bench`. No test: nothing here passes or fails."""
