# One file with many mistakes: all of them are told in one go, in the order of the file.
tutti { language = 2 }

locals {
  version = "1.${run.nubmer}"
  a       = local.b
  b       = local.a
}

pipeline "delivery" {
  on "push" { branch = ["main"] }
  on "push" {}

  job "test" {
    timout = "5m"
    activity "unit" {
      image  = "golang:1.26"
      script = "go test ./..."
      env    = { L = [1, 2], N = null, "A-B" = "x" }
    }
  }
  job "image" {
    depends_on = ["build"]
    needs      = ["test", job.tset, test]
    activity "a" {
      image   = 5
      script  = <<-SH
        echo ${event.commit}
        echo ${HOME:-x}
      SH
      command = ["ls"]
    }
    activity "b" {}
  }
  job "c" {
    image   = "alpine:3.20"
    needs   = [job.d]
    timeout = "soon"
    activity "x" { command = ["echo", event.brnach, upcase("x")] }
  }
  job "d" {
    image = "alpine:3.20"
    needs = [job.c]
    matrix {}
    activity "x" { command = ["echo", secret.pw] }
  }
}
