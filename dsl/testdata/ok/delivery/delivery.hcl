tutti { language = 1 }

library "acme" {
  source  = "github.com/acme/tutti-lib"
  version = "v2.3.1"                              # pinned by hash in tutti.lock.hcl
}
secret "registry_token" {}
secret "kubeconfig"     { description = "one per environment, set in the server" }
secret "db_password"    {}
locals {
  repository = "registry.acme.dev/shop/api"
  release    = event.branch == "main"
}

pipeline "delivery" {
  on "push"         { branches = ["main", "feature/*"] }
  on "pull_request" {}
  on "schedule" {
    cron     = "30 4 * * 1-5"
    timezone = "Europe/Berlin"
  }
  on "manual" {}
  input "replicas" {
    type    = number
    default = 3
  }
  concurrency {
    group  = "delivery-${coalesce(event.branch, "none")}"
    policy = "cancel_running"
  }

  job "test" {
    matrix {
      axes    = { go = ["1.25", "1.26"], db = ["15", "17"] }
      exclude = [{ go = "1.25", db = "17" }]
    }
    service "postgres" {                          # reachable as host "postgres"
      image = "postgres:${matrix.db}"
      env   = { POSTGRES_PASSWORD = secret.db_password }
      ready = ["pg_isready", "-U", "postgres"]
    }
    cache "go" {
      path = "/go/pkg/mod"
      key  = "go-${matrix.go}-${hash_files("go.sum")}"
    }
    activity "unit" {
      use  = lib.acme.go_test
      with = { go = matrix.go }
      env  = { DATABASE_URL = "postgres://postgres:${secret.db_password}@postgres/postgres" }
      report "junit" { path = "report.xml" }
    }
    activity "logs" {
      run_on = "failed"                           # only when something above failed
      image  = "alpine:3.20"
      script = "tail -n 200 *.log || true"
    }
    artifact "reports" {
      paths = ["report.xml"]
      keep  = "30d"
    }
    output "coverage" { value = activity.unit.outputs.coverage }
  }

  job "build" {
    needs = [job.test]                            # order only
    activity "version" {
      image  = "alpine/git:2.45"
      script = "git describe --tags --always > \"$TUTTI_OUTPUT/version\""
      output "version" { type = string }
    }
    activity "image" {
      use = lib.acme.image_build
      with = {
        repository = local.repository
        tags       = [activity.version.outputs.version]
        token      = secret.registry_token
      }
    }
    artifact "chart" { paths  = ["chart/**"] }
    output "version" { value = activity.version.outputs.version }
    output "image"   { value = "${local.repository}@${activity.image.outputs.digest}" }
  }

  job "staging" {
    environment = "staging"
    when        = local.release
    workspace {
      checkout = false
      unpack   = { "." = job.build.artifacts.chart }
    }
    activity "deploy" {
      use = lib.acme.helm_deploy
      with = {
        release    = "api"
        values     = { image = job.build.outputs.image }   # this reference is the edge build -> staging
        kubeconfig = secret.kubeconfig
      }
    }
  }

  approval "release" {
    needs     = [job.staging]
    when      = local.release
    approvers = ["group:release-managers"]
    message   = "Release ${job.build.outputs.version} (coverage ${min([for r in job.test.each : r.outputs.coverage]...)} %)?"
    timeout   = "48h"
  }

  job "production" {
    needs       = [approval.release]
    environment = "production"
    workspace {
      checkout = false
      unpack   = { "." = job.build.artifacts.chart }
    }
    activity "deploy" {
      use = lib.acme.helm_deploy
      with = {
        release    = "api"
        values     = { image = job.build.outputs.image, replicas = input.replicas }
        kubeconfig = secret.kubeconfig
      }
    }
  }

  job "notify" {
    needs  = [job.production, job.staging]
    run_on = "always"
    activity "chat" {
      image  = "curlimages/curl:8.10.1"
      env    = { TEXT = "production: ${job.production.result}, by ${coalesce(approval.release.by, "nobody")}" }
      script = "curl -fsS -d \"text=$TEXT\" https://chat.acme.dev/hook"
    }
  }
}
