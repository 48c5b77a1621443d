"""Names and facts of the data sets: classes, keypoints, left-right pairs, action units."""
