"""Close prices, stage1 predictions and portfolio weights as daily-partitioned Dagster assets."""
