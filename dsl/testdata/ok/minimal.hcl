pipeline "ci" {
  on "push" {}
  job "test" {
    activity "unit" {
      image  = "golang:1.26"
      script = "go test ./..."
    }
  }
}
