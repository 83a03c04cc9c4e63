"""Integrations: each uses agcore's public names only and knows no other integration.

What two of them share is a package of its own: ``spaces``.
"""
