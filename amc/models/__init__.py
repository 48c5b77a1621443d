"""The networks of the paper's appendix A and B.3, in the form that computes them quickest."""
