"""What all kernels are made with. Read `dispatch` first: it says what a kernel is and which of its versions runs.

`compiling` compiles loops with numba, `wrapping` calls them over rows and threads, and `cuda` launches CUDA sources.
`functions` has the exponential and its relatives for use inside loops, `tiles` matrix products of a few rows.
"""
