"""What a command does, without the command line: interpolation of a clip, scores, and batches of clips."""
