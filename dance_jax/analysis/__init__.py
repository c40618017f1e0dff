"""The main job: a dance video in, angles, speeds, measures and a report out."""
