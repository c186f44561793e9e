//! placeholder
/// s
#[derive(Debug)]
pub struct Answer;
/// s
#[derive(Debug)]
pub struct Effect;
