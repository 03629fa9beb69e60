pipeline "ci" {
  on "push" {}
  concurrency {
    group  = ""
    policy = "cancel"
  }
  job "a" {
    image       = "alpine:3.20"
    environment = "Not A Name"
    run_on      = "success"
    agent {
      arch   = "x86_64"
      os     = "My OS"
      cpu    = 0
      memory = "2 GB"
    }
    workspace {
      depth    = -1
      checkout = "yes"
      unpack   = { "/abs" = job.b.artifacts.f, "x" = job.b.artifacts.g, "y" = job.c.artifacts.f, "z" = "b" }
    }
    service "My_DB" { image = "postgres" }
    cache "c" {
      path = "relative"
      key  = ""
    }
    artifact "f" {
      paths        = ["/etc/passwd", "../x", "a{"]
      keep         = "1000d"
      when_missing = "explode"
    }
    activity "x" {
      script  = "true"
      workdir = "../.."
      user    = "a b"
      retries = { tiemout = 1, oom = 99, exit = "x" }
      run_on  = "sometimes"
      report "junt" { path = "x" }
    }
  }
  job "b" {
    image = "alpine:3.20"
    activity "x" {
      script  = "true"
      retries = "many"
    }
    artifact "f" { paths = [] }
  }
  approval "b" {}
  approval "ok" {
    when      = "yes"
    approvers = "dana"
    timeout   = "never"
  }
}
