# From a push to production: build once, put it into staging, ask a person, put it into production, and tell how it went.
# Runs of one branch take turns. Values that differ from place to place are variables and secrets of the project:
#
#   tutti variable set shop region eu-1
#   tutti secret set shop deploy_token < token.txt
#   tutti secret set shop deploy_token --environment production < production-token.txt
#
# On your own machine give them in files, and answer the question at the terminal:
#
#   tutti run --var region=eu-1 --secret-file secrets.env
tutti { language = 1 }

variable "region" {
  type    = string
  default = "eu-1"
}
secret "deploy_token" {
  description = "Opens the cluster. Never shown: logs have *** in its place"
}

# A definition: what both deployments do. It sees nothing but its inputs.
activity "deploy" {
  input "version" { type = string }
  input "region" { type = string }
  input "token" {
    type      = string
    sensitive = true
  }
  image = "alpine:3.20"
  env = {
    VERSION = input.version
    REGION  = input.region
    TOKEN   = input.token
  }
  script = <<-SH
    echo "deploying $VERSION to $REGION with a token of ${#TOKEN} characters: $TOKEN"
  SH
}

pipeline "delivery" {
  on "push" { branches = ["main"] }
  on "manual" {}
  concurrency {
    group  = "delivery-${coalesce(event.branch, "none")}"
    policy = "queue"
  }

  job "build" {
    image = "alpine:3.20"
    activity "version" {
      env    = { COMMIT = event.commit }
      script = "printf '1.4.0+%.7s' \"$COMMIT\" > \"$TUTTI_OUTPUT/version\""
      output "version" { type = string }
    }
    output "version" { value = activity.version.outputs.version }
  }

  job "staging" {
    environment = "staging"
    activity "deploy" {
      use = def.deploy
      with = {
        version = job.build.outputs.version
        region  = var.region
        token   = secret.deploy_token
      }
    }
  }

  approval "release" {
    needs     = [job.staging]
    approvers = ["group:release-managers"]
    message   = "Release ${job.build.outputs.version}?"
    timeout   = "48h"
  }

  job "production" {
    needs       = [approval.release]
    environment = "production"
    activity "deploy" {
      use = def.deploy
      with = {
        version = job.build.outputs.version
        region  = var.region
        token   = secret.deploy_token
      }
    }
  }

  job "notify" {
    needs  = [job.production]
    run_on = "always"
    image  = "alpine:3.20"
    activity "tell" {
      env    = { TEXT = "production: ${job.production.result}, decided by ${coalesce(approval.release.by, "nobody")}" }
      script = "echo \"$TEXT\""
    }
  }
}
