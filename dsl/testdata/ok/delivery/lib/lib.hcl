# Library github.com/acme/tutti-lib, tag v2.3.1: activities for the whole organisation
activity "go_test" {
  description = "Run Go tests and report coverage"
  input "packages" {
    type    = list(string)
    default = ["./..."]
  }
  input "go" {
    type    = string
    default = "1.26"
    check {
      condition = startswith(input.go, "1.")
      message   = "Give the Go version as in \"1.26\"."
    }
  }
  output "coverage" { type = number }

  image = "golang:${input.go}"
  env   = { PACKAGES = join(" ", input.packages) }
  shell = "bash"
  script = <<-SH
    go test -race -coverprofile=c.out $PACKAGES
    go tool cover -func=c.out | awk '/^total:/ { print $3+0 }' > "$TUTTI_OUTPUT/coverage"
  SH
}

activity "image_build" {
  input "repository" { type = string }
  input "tags" { type = list(string) }
  input "platforms" {
    type    = list(string)
    default = ["linux/amd64"]
  }
  input "token" {
    type      = string
    sensitive = true
  }
  output "digest" { type = string }

  image = "moby/buildkit:v0.16.0-rootless"
  env = {
    REPO      = input.repository
    TAGS      = join(",", [for t in input.tags : "${input.repository}:${t}"])
    PLATFORMS = join(",", input.platforms)
    TOKEN     = input.token
  }
  script = file("scripts/image_build.sh")
}

activity "helm_deploy" {
  input "release" { type = string }
  input "values" { type = object({ image = string, replicas = optional(number, 2) }) }
  input "kubeconfig" {
    type      = string
    sensitive = true
  }
  image = "alpine/helm:3.16"
  env = {
    RELEASE         = input.release
    VALUES          = jsonencode(input.values)
    KUBECONFIG_DATA = input.kubeconfig
  }
  script = <<-SH
    umask 077; printf %s "$KUBECONFIG_DATA" > /tmp/kube; export KUBECONFIG=/tmp/kube
    printf %s "$VALUES" | helm upgrade --install --wait "$RELEASE" ./chart -f -
  SH
}
