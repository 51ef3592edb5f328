"""Evaluation of coloured pictures, translated photographs and films, and user studies."""
