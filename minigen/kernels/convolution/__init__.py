"""Convolutions by taps: a sum of matrix products, one for each tap.

Read `convolution` first: what the four kernels compute, in array code. `direct` multiplies the rows of data where they
lie, for convolutions of many channels; `gather` copies neighbourhoods side by side, for those of few.
"""

from .convolution import conv as conv
from .convolution import conv_transpose as conv_transpose
from .convolution import conv_vjp as conv_vjp
from .convolution import conv_weight as conv_weight
from .convolution import windows as windows
