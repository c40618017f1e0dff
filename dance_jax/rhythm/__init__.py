"""Motion beats, beats of the music, and how they meet."""
