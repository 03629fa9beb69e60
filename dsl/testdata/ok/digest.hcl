pipeline "ci" {
  on "push" {}
  job "a" {
    activity "x" {
      image  = "registry.example.com:5000/team/tool_x:v2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
      script = "true"
    }
    activity "y" {
      image  = "localhost/a"
      script = "true"
    }
  }
}
