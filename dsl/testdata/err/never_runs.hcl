pipeline "ci" {
  on "push" {}

  job "tell" {
    image  = "alpine:3.20"
    run_on = "failed"
    activity "first" {
      run_on = "failed"
      script = "echo it failed"
    }
    activity "second" {
      run_on = "failed"
      script = "echo it failed"
    }
  }
}
