//! Helpers of the tests of the runner.
