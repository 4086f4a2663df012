"""What a measurement needs around it: servers to measure, the generator, numbers, plots."""
