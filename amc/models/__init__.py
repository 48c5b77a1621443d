"""The networks of the paper's appendices A and B.3, and the published networks of LPIPS and FVD."""
