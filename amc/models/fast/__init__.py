"""Operations rewritten for speed. `amc/reference` has the plain forms, and tests/models/fast hold the two equal.

upsampled_conv.py    conv2d(interpolate(x)), computed on the small map
gating.py            lerp(e, u, sigmoid(leaky_relu(upsampled_conv(h)))), keeping no map of full size
tiled.py             conv2d of a vector expanded over a map
row_batch_norm.py    batch norm of a batch in which some samples count several times
pieces.py            slices of a batch, with one gradient buffer
"""
