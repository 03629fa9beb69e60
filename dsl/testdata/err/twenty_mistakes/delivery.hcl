# The typical mistakes: all but two of them in one run of the compiler.
secret "registry_token" {}

activity "image" {
  input "tag" { type = string }
  input "values" {
    type    = object({ image = string, replicas = optional(number, 2) })
    default = { image = "alpine:3.20" }
  }
  image  = "alpine:3.20"
  env    = { TAG = input.tag }
  script = "echo $TAG"
}

pipeline "delivery" {
  on "push" {}
  on "pull_request" {}

  job "test" {
    matrix { axes = { db = ["15", "17"] } }
    image = "alpine:3.20"
    activity "go" {
      script = "true"
      output "cov" { type = number }
    }
    output "cov" { value = activity.go.outputs.cov }
  }

  job "build" {
    image = "alpine:3.20"
    activity "go" {
      script = "true"
      output "version" { type = string }
    }
    output "version" { value = activity.go.outputs.version }
  }

  job "image" {
    depends_on = ["build"]
    image      = "alpine:3.20"
    activity "later" {
      timout = "5m"
      script = "true"
    }
  }

  job "a1" {
    needs = ["build"]
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }

  job "a2" {
    needs = [job.tset]
    image = "alpine:3.20"
    env   = { A = job.build.outputs.versoin, B = job.test.outputs.coverage }
    activity "x" { script = "true" }
  }

  job "a3" {
    image = "alpine:3.20"
    env   = { A = join(",", [for r in job.test.each : r.outputs.cv]) }
    activity "img1" {
      use  = def.image
      with = { tga = "1" }
    }
    activity "img2" {
      use  = def.image
      with = { tag = "1", values = { image = "i", replica = 2 } }
    }
  }
}
