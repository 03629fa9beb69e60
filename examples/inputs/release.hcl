# A release that a person starts, with a form: inputs of three types, choices and defaults. A tag starts it as well, and
# then the defaults hold.
tutti { language = 1 }

locals {
  version = coalesce(event.tag, "0.0.0-${substr(event.commit, 0, 8)}")
}

pipeline "release" {
  description = "Build a release and put it into one place"
  on "manual" {}
  on "push" { tags = ["v*", "!*-rc*"] }

  input "place" {
    description = "Where the release goes"
    default     = "staging"
    choices     = ["staging", "production"]
  }
  input "replicas" {
    type    = number
    default = 2
  }
  input "dry_run" {
    description = "Only print what would be done"
    type        = bool
    default     = true
  }

  job "build" {
    image = "golang:1.26"
    activity "notes" {
      env = {
        VERSION = local.version
        MESSAGE = event.message
      }
      script = <<-SH
        printf '%s\n\n%s\n' "$VERSION" "$MESSAGE" > NOTES.txt
        cat NOTES.txt
      SH
    }
  }

  job "deploy" {
    needs   = [job.build]
    image   = "alpine:3.20"
    timeout = input.place == "production" ? "30m" : "10m"
    activity "roll-out" {
      command = concat(
        input.dry_run ? ["echo", "would run:"] : ["echo", "running:"],
        ["deploy", "--to", input.place, "--replicas", "${input.replicas}", local.version],
      )
    }
  }
}
