"""The film pipeline: frames, plan, stages, graph."""
