"""Integrations: each uses agcore's public names only and knows no other integration."""
