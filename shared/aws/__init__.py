"""Access to AWS: S3, SNS, SQS, Secrets Manager, Lambda, CloudWatch."""
