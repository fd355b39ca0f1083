"""Numbers that several folders need."""

import math

LOG_2PI = math.log(2 * math.pi)  # the density of a standard normal variable at 0 is exp(-LOG_2PI / 2)
