"""Where trials run: in this process, or in warm worker processes of their own.

An executor knows no searcher and no rung; it may import records, reporter, train_fn, errors.
"""
