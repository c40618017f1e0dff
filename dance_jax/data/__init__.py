"""Video, pose, motion and table files in and out, synthetic dancers and their renderer."""
