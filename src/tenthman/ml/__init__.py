"""The model that proposes: labels, training, inference, registry."""
