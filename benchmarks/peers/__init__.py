"""The side that each row is compared with, written in PyTorch unless the row names another peer.

`build(variant="eager", **arguments) -> Work`, as a good user of the peer would write it.
"""
