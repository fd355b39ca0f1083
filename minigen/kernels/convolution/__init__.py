"""Convolutions by taps: a sum of matrix products, one for each tap.

Read `convolution` first: it says in array code what the four kernels compute. `direct` and `gather` are two ways to do
the same faster: `direct` multiplies the data where they lie, for convolutions of many channels, and `gather` copies
neighbourhoods side by side, for convolutions of few.
"""

from .convolution import conv as conv
from .convolution import conv_transpose as conv_transpose
from .convolution import conv_vjp as conv_vjp
from .convolution import conv_weight as conv_weight
from .convolution import windows as windows
