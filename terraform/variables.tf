variable "name" {
  description = "Begins every name, e.g. the bucket `mlops-bucket` and the state machine `mlops-workflow`."
  type        = string
  default     = "mlops"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.name))
    error_message = "name: 3 to 16 characters of a-z, 0-9 and -, beginning with a letter, not ending in -."
  }
}

variable "bucket_suffix" {
  description = "Ends every bucket's name, because these are unique in the world: e.g. `-123456789012`."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(-[a-z0-9-]{0,28}[a-z0-9])?$", var.bucket_suffix))
    error_message = "bucket_suffix: empty, or - and up to 29 characters of a-z, 0-9 and -, not ending in -."
  }

  validation {
    condition     = length("${var.name}-lifecycle-replica${var.bucket_suffix}") <= 63
    error_message = "bucket_suffix: with name it must leave each bucket's name at 63 characters; use at most 45 for both."
  }
}

variable "domain" {
  description = "A public Route 53 zone of this account; the MCP server gets the name and certificate `mcp.<domain>`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain: a DNS name in lower case without a final dot, e.g. mlops.example.com."
  }
}

variable "github_repository" {
  description = "The repository whose issues start runs and whose CI deploys: `owner/name`."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository: owner/name, e.g. acme/perception."
  }
}

variable "operators" {
  description = "Mail addresses that hear of alarms, failed backups and costs. Each confirms its subscription once."
  type        = list(string)

  validation {
    condition     = length(var.operators) > 0 && alltrue([for each in var.operators : can(regex("^[^@ ]+@[^@ ]+$", each))])
    error_message = "operators: at least one mail address."
  }
}

variable "monthly_budget_usd" {
  description = "Operators are told at 80 % of it, at 100 %, and when the forecast passes it."
  type        = number
  default     = 1000

  validation {
    condition     = var.monthly_budget_usd >= 1
    error_message = "monthly_budget_usd: at least 1."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the network; a /16 gives each subnet 4,096."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition = (can(cidrhost(var.vpc_cidr, 0))
    && try(contains(range(16, 21), tonumber(split("/", var.vpc_cidr)[1])), false))
    error_message = "vpc_cidr: an IPv4 block from /16, the largest that a VPC takes, to /20, e.g. 10.40.0.0/16."
  }
}

variable "zones" {
  description = "How many availability zones are used."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "zones: 2 or 3; MWAA and the load balancer need two."
  }
}

variable "airflow" {
  description = "Size of the MWAA environment."
  type = object({
    class       = optional(string, "mw1.small")
    max_workers = optional(number, 5)
  })
  default = {}

  validation {
    condition     = can(regex("^mw1\\.(micro|small|medium|large|xlarge|2xlarge)$", var.airflow.class))
    error_message = "airflow.class: one of mw1.micro, mw1.small, mw1.medium, mw1.large, mw1.xlarge, mw1.2xlarge."
  }

  validation {
    condition     = var.airflow.max_workers >= 1 && var.airflow.max_workers <= 25
    error_message = "airflow.max_workers: 1 to 25."
  }

  validation {
    condition     = var.airflow.class != "mw1.micro" || var.airflow.max_workers == 1
    error_message = "airflow.max_workers: mw1.micro has one worker; set 1, or choose a larger class."
  }
}

variable "image_tag" {
  description = "Tag of the container images. Tags are immutable: a new build is a new tag."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag: a tag that docker takes, and not `latest`, which never says what runs."
  }
}

variable "build" {
  description = "Folder with what `make package` built: mwaa/plugins.zip, mwaa/requirements.txt, mwaa/dags/, lambda/*.zip."
  type        = string

  validation {
    condition     = fileexists("${var.build}/mwaa/plugins.zip")
    error_message = "build: no mwaa/plugins.zip in that folder; run `make package` first."
  }
}

variable "protect" {
  description = "True: production. Nothing that holds data can be destroyed, and what exists once exists in every zone."
  type        = bool
  default     = true
}

variable "grafana" {
  description = "True: an Amazon Managed Grafana workspace as well (needs IAM Identity Center in the account)."
  type        = bool
  default     = false
}
