package com.acme.zoo;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.Date;
import java.util.List;
import java.util.Map;

/** The value that most calls carry: scalars, a nested value, collections. */
public class Person implements Serializable {
    private static final long serialVersionUID = 1L;
    private String name;
    private int age;
    private long balance;
    private BigDecimal score;
    private Date born;
    private Color color;
    private Address home;
    private List<Address> past;
    private Map<String, Object> tags;

    public Person() {}

    public Person(String name, int age) {
        this.name = name;
        this.age = age;
    }

    public String getName() { return name; }
    public void setName(String v) { name = v; }
    public int getAge() { return age; }
    public void setAge(int v) { age = v; }
    public long getBalance() { return balance; }
    public void setBalance(long v) { balance = v; }
    public BigDecimal getScore() { return score; }
    public void setScore(BigDecimal v) { score = v; }
    public Date getBorn() { return born; }
    public void setBorn(Date v) { born = v; }
    public Color getColor() { return color; }
    public void setColor(Color v) { color = v; }
    public Address getHome() { return home; }
    public void setHome(Address v) { home = v; }
    public List<Address> getPast() { return past; }
    public void setPast(List<Address> v) { past = v; }
    public Map<String, Object> getTags() { return tags; }
    public void setTags(Map<String, Object> v) { tags = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
