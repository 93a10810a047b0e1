"""Files to examples to tf.data batches."""
