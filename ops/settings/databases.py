"""The settings of the two databases: logins, schema, TLS and network."""

from ops.settings.setting import SECRET, YES_OR_NO, Setting

CONNECTED = ("extract", "load", "migrate", "inspect")

DATABASES = (
    Setting(
        "SOURCE_SECRET",
        "totestream/source",
        form=SECRET,
        required=True,
        functions=("extract",),
        about="""
The names of the secrets in Secrets Manager that hold the logins. deploy.sh makes a missing secret (with --put-secrets
also one that exists) from the environment, or from secrets.env beside this file, which only you may read (chmod 600).
A line there is as follows, and likewise for WAREHOUSE_SECRET_VALUE and WAREHOUSE_OWNER_SECRET_VALUE:
SOURCE_SECRET_VALUE={"host": "db.example.com", "port": 5432, "dbname": "totesys", "username": "reader", "password": "…"}
""",
    ),
    Setting("WAREHOUSE_SECRET", "totestream/warehouse", form=SECRET, required=True, functions=("load", "migrate")),
    Setting(
        "WAREHOUSE_OWNER_SECRET",
        form=SECRET,
        functions=("migrate",),
        about="""
The login that may create tables. Empty: the loader's login creates them.
""",
    ),
    Setting(
        "WAREHOUSE_READER_SECRET",
        form=SECRET,
        functions=("migrate", "inspect"),
        about="""
The login that may only read, for status.sh and why.sh. Empty: <project>-<stage>-reader. A deploy makes this login and
its password where the owner may create roles; elsewhere these scripts read with the loader's login. A login of your
own, given as WAREHOUSE_READER_SECRET_VALUE or in the secret, is kept.
""",
    ),
    Setting(
        "WAREHOUSE_SCHEMA",
        "totestream",
        required=True,
        functions=("load", "migrate", "inspect"),
        about="""
The warehouse's schema. A deploy creates it if it does not exist.
""",
    ),
    Setting(
        "DATABASE_CA",
        functions=CONNECTED,
        about="""
The certificate authorities of the databases, a PEM file on this machine; no other authority is trusted then. Empty:
those that Lambda's system trusts. Amazon RDS and Aurora need it, since no system has their authorities. Their bundle:
  https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
  https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem (GovCloud)
  https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem (China)
The host in the secret must be in the server's certificate as subjectAltName; its CN does not count. With an authority
of your own (`openssl req -x509`, or as in PostgreSQL's manual) add to the last command, which signs the server's:
  -extfile <(echo subjectAltName=DNS:db.example.com)
""",
    ),
    Setting(
        "DATABASE_PLAINTEXT",
        "no",
        form=YES_OR_NO,
        functions=CONNECTED,
        about="""
yes: no TLS, for the local stack only. Refused unless AWS_ENDPOINT_URL is on this machine, and with DATABASE_CA.
""",
    ),
    Setting(
        "SUBNET_IDS",
        about="""
The subnets and security groups of the private network that the databases are in, separated by commas. Empty: they can
be reached without. In it the functions extract, load, migrate and inspect reach AWS through endpoints of the VPC: one
for S3 (a gateway endpoint, free), and interface endpoints for Secrets Manager, SNS (extract), Lambda (load, inspect)
and SQS (inspect), each with private DNS names and a security group that accepts port 443 from SECURITY_GROUP_IDS. In
London an interface endpoint costs 8 USD a month and availability zone (prices of 2025), four in one zone 32, and 0.01
USD a GB; a NAT gateway, which replaces all four, 36 and 0.05 a GB. The security groups must let the functions connect
to port 443 and to the databases.
""",
    ),
    Setting("SECURITY_GROUP_IDS"),
)
