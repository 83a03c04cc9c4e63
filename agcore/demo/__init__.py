"""Train functions to try agcore with, on the data that come with it.

The top of the package: they are written as a user would write them. Only the command line and
tests import them.
"""
