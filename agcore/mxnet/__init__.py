"""Home of the import path that scripts written for MXNet use; it works without MXNet.

A leaf: only users' scripts import it, and it re-exports from agcore.datasets.
"""
