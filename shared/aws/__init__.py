"""The doors to AWS: S3, SNS, SQS, Secrets Manager, Lambda."""
