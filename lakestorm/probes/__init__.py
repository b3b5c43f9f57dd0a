"""What the pipeline behind the load shows of itself: one file a question, all in one process beside the load."""
