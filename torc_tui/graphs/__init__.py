"""What the tabs of the plot screen draw, and where they get it from."""
