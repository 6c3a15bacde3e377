"""What `make bench` runs: each figure beside the bare limit of this machine, in the same run."""
